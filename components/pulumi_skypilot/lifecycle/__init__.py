"""The life cycle of services and clusters: create, read, update, delete, wait, adopt.

Knows SkyPilot through `skypilot.interface` only, and nothing of Pulumi. In come wanted values from
the plan; out come applied values for the state. services.py and clusters.py hold one class for each
kind; wait_service.py and wait_cluster.py wait until the model answers. Each create can be repeated,
each remote object is found again by its mark (marker.py), and nothing is ended without a right to
it (ownership.py). looks that fail are no answer (skypilot/looks.py). The providers call this room.
"""

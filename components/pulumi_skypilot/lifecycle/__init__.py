"""The life cycle of services and clusters: create, read, update, delete, wait, adopt.

Knows SkyPilot through `skypilot.interface` only, and nothing of Pulumi. It takes wanted values
from the plan and returns applied values for the state. services.py, clusters.py and volumes.py hold
one class for each kind; wait_service.py and wait_cluster.py wait until the model answers. Each
create can be repeated. Each remote object is found again by its mark (marker.py). Nothing is ended
without a right to it (ownership.py). A look that fails is no answer (skypilot/looks.py). The
providers call this room.
"""

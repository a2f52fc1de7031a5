"""Converts what others write into a deployment or a facts file, and a deployment into a task.

from_task/ reads a SkyPilot task, to_task.py writes one, from_hub.py reads a model's config from
Hugging Face. The command line calls this room, and nothing else does.
"""

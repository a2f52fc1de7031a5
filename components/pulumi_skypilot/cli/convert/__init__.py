"""Conversions between a deployment and the formats of others: SkyPilot tasks, Hugging Face models.

from_task/ reads a SkyPilot task, to_task.py writes one, from_volume.py reads a SkyPilot volume,
from_hub.py a model's config from Hugging Face. The command line calls this room, and nothing else
does.
"""

"""Prices as the API server gives them."""

ROWS = [
    {
        "cloud": "aws",
        "region": "us-east-1",
        "instance": "g6.xlarge",
        "accelerator": "L4",
        "count": 1.0,
        "cpus": 4.0,
        "memory": 16.0,
        "price": 0.8,
        "spot": 0.3,
    }
]
"""One machine with an L4."""

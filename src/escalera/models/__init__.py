"""Networks: each is `features -> head` and keeps the contract of `network.py`."""

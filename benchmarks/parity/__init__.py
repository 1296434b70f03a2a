"""Our networks and schedules held against fastai's; see `fastai_parity.py`."""

"""How models are made; the solver never imports it."""

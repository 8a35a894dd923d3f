"""How loops are compiled, and how threads share them."""

"""Which labels of a source are likely wrong, by networks that have not learned from them."""

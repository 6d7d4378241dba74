"""What a trained network is worth: predictions, metrics, paired comparisons and cost."""

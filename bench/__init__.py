"""Accuracy and speed, side by side with a peer (pylinac), on the same files and in the same run."""

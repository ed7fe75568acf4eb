"""Methods to complete a skull; `complete_skull` offers them all."""

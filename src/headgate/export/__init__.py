"""Models and weights in other formats, and from them."""

"""Sets of pictures made in the browser: folders of classes like any other, and what may be put into them."""

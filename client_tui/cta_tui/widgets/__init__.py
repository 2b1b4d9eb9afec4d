"""What is drawn, one noun a file: a pure function from the model to lines, and the pane that shows them."""

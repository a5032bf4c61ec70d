"""What an imported experiment added: checked assignments, every arm against the other, by groups where groups were assigned."""

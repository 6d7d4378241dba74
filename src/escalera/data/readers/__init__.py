"""What people have, as listings of splits: folders of classes, tables, arrays."""

"""Ways to edit a face. Arrays in, arrays out: nothing here knows of the site."""

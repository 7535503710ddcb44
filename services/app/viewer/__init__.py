"""A replay as one HTML page: `film` turns states into numbers to draw, `page` puts them into the template."""

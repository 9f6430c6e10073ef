-- +goose Up

-- Changes that take an admin away follow one another.
INSERT INTO revisions (name, n) VALUES ('people', 0);

-- +goose Up

-- What was estimated before each attempt, beside what it took.
ALTER TABLE attempts ADD COLUMN estimated_input INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN estimated_output INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN estimated_cost INTEGER NOT NULL DEFAULT 0;

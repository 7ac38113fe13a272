-- Edits of the desk's lines whose answer was lost, and since when a line is true.
ALTER TABLE desk_lines
    -- A digest of what the edit says that was sent last and whose answer is not known. NULL when none is under way.
    ADD COLUMN sending bytea,
    -- When the conversation was as the line shows it, by Postgres' clock. A release before this one does not set it.
    ADD COLUMN shown_at timestamptz;

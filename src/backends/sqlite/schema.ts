/** Tables of the embedded result backend. Times are milliseconds since 1970; documents are encoded by the codec. */
export const RESULT_TABLES = `
  CREATE TABLE IF NOT EXISTS celeriac_results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, -- grows with every change of any result
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    expires_at INTEGER,
    document BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS celeriac_results_expiring
    ON celeriac_results (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS celeriac_groups (
    id TEXT PRIMARY KEY,
    expires_at INTEGER,
    document BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS celeriac_groups_expiring
    ON celeriac_groups (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS celeriac_chords (
    id TEXT PRIMARY KEY,
    size INTEGER,
    parts INTEGER NOT NULL DEFAULT 0,
    completed_by TEXT,                     -- the part whose worker was told to run the body
    expires_at INTEGER
  );
  CREATE INDEX IF NOT EXISTS celeriac_chords_expiring
    ON celeriac_chords (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS celeriac_chord_parts (
    chord TEXT NOT NULL,
    id TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    result BLOB NOT NULL,
    PRIMARY KEY (chord, id)
  );
`

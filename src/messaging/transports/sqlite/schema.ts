/** Tables of the embedded broker. Times are milliseconds since 1970. */
export const BROKER_TABLES = `
  CREATE TABLE IF NOT EXISTS celeriac_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- also the order in the queue
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,            -- 0 to 9, 0 is served first
    owner INTEGER,                        -- who holds it; NULL: it is waiting; 0: it is postponed
    redelivered INTEGER NOT NULL,         -- 0: it was not; else 1 + how many died who held it
    expires_at INTEGER,
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    properties TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS celeriac_messages_waiting
    ON celeriac_messages (queue, priority, id, expires_at) WHERE owner IS NULL;
  CREATE INDEX IF NOT EXISTS celeriac_messages_held ON celeriac_messages (owner) WHERE owner IS NOT NULL;
  CREATE INDEX IF NOT EXISTS celeriac_messages_expiring
    ON celeriac_messages (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS celeriac_postponed (
    id INTEGER PRIMARY KEY,               -- of a message whose owner is 0
    due_at INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS celeriac_postponed_due ON celeriac_postponed (due_at);
  CREATE TABLE IF NOT EXISTS celeriac_queues (
    name TEXT PRIMARY KEY,
    message_ttl INTEGER,                  -- x-message-ttl
    expires INTEGER,                      -- x-expires
    used_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS celeriac_bindings (
    exchange TEXT NOT NULL,
    queue TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    pattern TEXT NOT NULL,
    PRIMARY KEY (exchange, queue, routing_key)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS celeriac_owners ( -- connections that consume
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,                -- when the process began, as far as it can be known
    lease_until INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS celeriac_consumers (
    queue TEXT NOT NULL,
    owner INTEGER NOT NULL,
    PRIMARY KEY (queue, owner)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS celeriac_broadcasts ( -- what was published to fanout exchanges
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    exchange TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    expires_at INTEGER,
    routing_key TEXT NOT NULL,
    properties TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS celeriac_broadcasts_order ON celeriac_broadcasts (exchange, id);
  CREATE TABLE IF NOT EXISTS celeriac_subscribers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    cursor INTEGER NOT NULL               -- the last broadcast that it has got
  );
`

/** Celery's tables in the SQL of each database. */

/** The two tables, with their schemas. */
export interface ResultTables {
  readonly task: TableName
  readonly group: TableName
}

/** A table, in its schema if that is named. */
export interface TableName {
  readonly schema: string | undefined
  readonly name: string
}

/** How a database's SQL differs from that of others. */
export interface SqlDialect {
  readonly name: string
  /** The n-th value of a statement, from 1 on. */
  placeholder(index: number): string
  quote(identifier: string): string
  /** The column as the text `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  dateText(column: string): string
  /** Statements that make the tables. */
  createTables(tables: ResultTables): readonly string[]
  /** The next number of a sequence; databases without number rows by themselves. */
  nextId?(sequence: TableName): string
  /** The end of an INSERT: what is done with a row whose `key` is there already. */
  onConflict(key: string, columns: readonly string[], unless: string | undefined): string
}

const TASK_COLUMNS = (types: ColumnTypes): readonly string[] => [
  'task_id VARCHAR(155)',
  'status VARCHAR(50)',
  `result ${types.blob}`,
  `date_done ${types.date}`,
  `traceback ${types.text}`,
  'name VARCHAR(155)',
  `args ${types.blob}`,
  `kwargs ${types.blob}`,
  'worker VARCHAR(155)',
  'retries INTEGER',
  'queue VARCHAR(155)',
]

const GROUP_COLUMNS = (types: ColumnTypes): readonly string[] => [
  'taskset_id VARCHAR(155)',
  `result ${types.blob}`,
  `date_done ${types.date}`,
]

interface ColumnTypes {
  readonly id: string
  readonly blob: string
  readonly date: string
  readonly text: string
}

/** The sequence that numbers the rows of a table, where a database has such. */
export function sequenceOf(tables: ResultTables, kind: keyof ResultTables): TableName {
  return { ...tables[kind], name: kind === 'task' ? 'task_id_sequence' : 'taskset_id_sequence' }
}

/** A table as it is written in a statement. */
export function tableSql({ quote }: SqlDialect, { schema, name }: TableName): string {
  return schema === undefined ? quote(name) : `${quote(schema)}.${quote(name)}`
}

function createTables(dialect: SqlDialect, { task, group }: ResultTables, types: ColumnTypes): string[] {
  const create = (table: TableName, columns: readonly string[], key: string): string =>
    `CREATE TABLE IF NOT EXISTS ${tableSql(dialect, table)} (${[types.id, ...columns, `UNIQUE (${key})`].join(', ')})`
  return [create(task, TASK_COLUMNS(types), 'task_id'), create(group, GROUP_COLUMNS(types), 'taskset_id')]
}

function createSequences(dialect: SqlDialect, tables: ResultTables): string[] {
  return (['task', 'group'] as const).map(
    (kind) => `CREATE SEQUENCE IF NOT EXISTS ${tableSql(dialect, sequenceOf(tables, kind))}`,
  )
}

const doubleQuoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`
const backQuoted = (identifier: string): string => `\`${identifier.replaceAll('`', '``')}\``

/** `unless`: a condition on the row that is there, under which it stays. */
function upsert(key: string, columns: readonly string[], unless: string | undefined): string {
  const sets = columns.map((column) => `${doubleQuoted(column)} = excluded.${doubleQuoted(column)}`)
  return `ON CONFLICT (${key}) DO UPDATE SET ${sets.join(', ')}${unless === undefined ? '' : ` WHERE NOT ${unless}`}`
}

/** The columns that SQLAlchemy makes in SQLite, which numbers the rows itself. */
export const sqliteDialect: SqlDialect = {
  name: 'SQLite',
  placeholder: () => '?',
  quote: doubleQuoted,
  dateText: (column) => column,
  createTables: (tables) =>
    createTables(sqliteDialect, tables, {
      id: 'id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT',
      blob: 'BLOB',
      date: 'DATETIME',
      text: 'TEXT',
    }),
  onConflict: upsert,
}

/** Rows are numbered by sequences, which SQLAlchemy asks for each number; the column has no default. */
export const postgresqlDialect: SqlDialect = {
  name: 'PostgreSQL',
  placeholder: (index) => `$${index}`,
  quote: doubleQuoted,
  dateText: (column) => `${column}::text AS ${column}`,
  createTables: (tables) => [
    ...createSequences(postgresqlDialect, tables),
    ...createTables(postgresqlDialect, tables, {
      id: 'id INTEGER NOT NULL PRIMARY KEY',
      blob: 'BYTEA',
      date: 'TIMESTAMP WITHOUT TIME ZONE',
      text: 'TEXT',
    }),
  ],
  nextId: (sequence) => `nextval('${tableSql(postgresqlDialect, sequence).replaceAll("'", "''")}')`,
  onConflict: upsert,
}

/** Columns are larger than Celery's, in which results end at 64 KiB and times lose their fractions. */
const LARGE_TYPES = { blob: 'LONGBLOB', date: 'DATETIME(6)', text: 'LONGTEXT' } as const

/** The column of numbers counts by itself, and it is the conflicting key that an upsert goes by, whichever it is. */
export const mysqlDialect: SqlDialect = {
  name: 'MySQL',
  placeholder: () => '?',
  quote: backQuoted,
  dateText: (column) => column,
  createTables: (tables) =>
    createTables(mysqlDialect, tables, {
      ...LARGE_TYPES,
      id: 'id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY',
    }),
  onConflict(_key, columns, unless) {
    // Assignments count from left to right, so what the condition looks at comes last.
    const ordered = columns.toSorted((one, other) => Number(one === 'status') - Number(other === 'status'))
    const sets = ordered.map((column) => {
      const quoted = backQuoted(column)
      const value = `VALUES(${quoted})`
      return `${quoted} = ${unless === undefined ? value : `IF(${unless}, ${quoted}, ${value})`}`
    })
    return `ON DUPLICATE KEY UPDATE ${sets.join(', ')}`
  },
}

/** MariaDB has sequences, and SQLAlchemy uses them as in PostgreSQL. */
export const mariadbDialect: SqlDialect = {
  ...mysqlDialect,
  name: 'MariaDB',
  createTables: (tables) => [
    ...createSequences(mariadbDialect, tables),
    ...createTables(mariadbDialect, tables, { ...LARGE_TYPES, id: 'id INTEGER NOT NULL PRIMARY KEY' }),
  ],
  nextId: (sequence) => `nextval(${tableSql(mariadbDialect, sequence)})`,
}

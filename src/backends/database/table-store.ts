/** Celery's two tables in a database: made when they are missing, written and read a batch at a time. */
import { setTimeout as pause } from 'node:timers/promises'
import { exponentialBackoff } from '../../util/backoff.ts'
import type { ResultTables, SqlDialect, TableName } from './sql-dialect.ts'
import { sequenceOf, tableSql } from './sql-dialect.ts'
import type { SqlDriver, SqlRow, SqlValue } from './sql-driver.ts'

/** Which of the tables. */
export type TableKind = keyof ResultTables

/** A row: the id of a task or group, and the values of the other columns. */
export interface TableRow {
  readonly id: string
  readonly values: readonly SqlValue[]
}

/** Ids looked up by one statement. */
const MAX_IDS = 500
/** As in Celery. */
const ATTEMPTS = 3
/** Others may make the same tables at the same time, which some databases take for an error. As in Celery. */
const CREATE_ATTEMPTS = 10

const KEYS = { task: 'task_id', group: 'taskset_id' } as const
/** A success stays. */
const UNLESS = { task: "COALESCE({table}.status, '') = 'SUCCESS'", group: undefined } as const

/** See the module's description. */
export class TableStore {
  readonly #driver: SqlDriver
  readonly #dialect: SqlDialect
  readonly #names: ResultTables
  #made: Promise<void> | undefined
  /** Sequences number the rows. */
  #sequences = true

  constructor(driver: SqlDriver, names: ResultTables) {
    this.#driver = driver
    this.#dialect = driver.dialect
    this.#names = names
  }

  /** Makes the tables unless they are there. */
  prepare(): Promise<void> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  /** The rows that are there, by id. */
  async select(
    kind: TableKind,
    ids: readonly string[],
    columns: readonly string[],
  ): Promise<ReadonlyMap<string, SqlRow>> {
    const key = KEYS[kind]
    const wanted = columns.map((column) =>
      column === 'date_done' ? this.#dialect.dateText(column) : this.#quote(column),
    )
    const found = new Map<string, SqlRow>()
    await this.#eachOf(ids, async (some) => {
      const rows = await this.#run(
        `SELECT ${[key, ...wanted].join(', ')} FROM ${this.#table(kind)} WHERE ${key} IN (${this.#places(some.length)})`,
        some,
      )
      for (const row of rows) found.set(String(row[key]), row)
    })
    return found
  }

  /** Writes rows, each with another id, over those that are there. */
  async upsert(kind: TableKind, columns: readonly string[], rows: readonly TableRow[]): Promise<void> {
    const key = KEYS[kind]
    const table = this.#table(kind)
    const names = [key, ...columns]
    await this.prepare()
    const nextId = this.#sequences ? this.#dialect.nextId?.(sequenceOf(this.#names, kind)) : undefined
    const tuples = rows.map((_, index) => {
      const places = this.#places(names.length, index * names.length)
      return `(${nextId === undefined ? places : `${nextId}, ${places}`})`
    })
    const into = [...(nextId === undefined ? [] : ['id']), ...names].map((name) => this.#quote(name))
    const unless = UNLESS[kind]?.replace('{table}', table)
    await this.#run(
      `INSERT INTO ${table} (${into.join(', ')}) VALUES ${tuples.join(', ')} ` +
        this.#dialect.onConflict(key, columns, unless),
      rows.flatMap(({ id, values }) => [id, ...values]),
    )
  }

  /** Whether an error is about a value of one row alone. */
  refusesValue(error: unknown): boolean {
    return this.#driver.refusesValue?.(error) ?? false
  }

  async remove(kind: TableKind, ids: readonly string[]): Promise<void> {
    await this.#eachOf(ids, async (some) => {
      await this.#run(
        `DELETE FROM ${this.#table(kind)} WHERE ${KEYS[kind]} IN (${this.#places(some.length)})`,
        some,
      )
    })
  }

  /** @param before as `databaseDate` writes it. */
  async removeOlder(kind: TableKind, before: string): Promise<void> {
    const place = this.#dialect.placeholder(1)
    await this.#run(`DELETE FROM ${this.#table(kind)} WHERE date_done < ${place}`, [before])
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  async #run(sql: string, values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    await this.prepare()
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#driver.run(sql, values)
      } catch (error) {
        if (attempt >= ATTEMPTS || !this.#driver.isTransient(error)) throw error
      }
    }
  }

  async #make(): Promise<void> {
    const { task, group } = this.#names
    // Asked first: who may use the tables may not be allowed to make any.
    if ((await this.#exists(task)) && (await this.#exists(group))) {
      // Tables of another making may number their rows by themselves.
      this.#sequences =
        this.#dialect.nextId !== undefined && (await this.#exists(sequenceOf(this.#names, 'task')))
      return
    }
    for (let retries = 0; ; retries += 1) {
      try {
        for (const statement of this.#dialect.createTables(this.#names)) await this.#driver.run(statement, [])
        return
      } catch (error) {
        if (retries >= CREATE_ATTEMPTS) throw error
        await pause(exponentialBackoff({ factor: 10, retries, maximum: 1000, fullJitter: true }))
      }
    }
  }

  async #exists(table: TableName): Promise<boolean> {
    try {
      await this.#driver.run(`SELECT 1 FROM ${tableSql(this.#dialect, table)} WHERE 1 = 0`, [])
      return true
    } catch {
      // Whatever it is: making it will tell.
      return false
    }
  }

  async #eachOf(ids: readonly string[], work: (some: readonly string[]) => Promise<void>): Promise<void> {
    for (let start = 0; start < ids.length; start += MAX_IDS) await work(ids.slice(start, start + MAX_IDS))
  }

  #places(count: number, from = 0): string {
    return Array.from({ length: count }, (_, index) => this.#dialect.placeholder(from + index + 1)).join(', ')
  }

  #table(kind: TableKind): string {
    return tableSql(this.#dialect, this.#names[kind])
  }

  #quote(identifier: string): string {
    return this.#dialect.quote(identifier)
  }
}

/**
 * A file of the embedded broker and result backend: opening it safely, sharing it, writing to it in batches.
 *
 * Writes of one turn of the event loop, whoever makes them, become one transaction. States: **idle** → **collecting**
 * (writes wait for the end of the turn) → **waiting** (another process holds the write lock; tried again until the busy
 * timeout) → **writing** (synchronous, cut off after some milliseconds) → **idle** or, with more to do, **waiting**.
 * When one write fails it alone is undone and rejected; the others of its transaction are carried out again.
 *
 * Durability: a settled write survives the death of every process (WAL). With `synchronous: 'normal'` the last writes
 * before a power failure may be lost, though never the integrity of the file; `'full'` waits for the disk each time.
 */
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { StatementSync } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { ConnectionError } from '../errors.ts'
import { Deferred } from './deferred.ts'
import { explainSqliteError, isLocked } from './sqlite-error.ts'
import { SqliteWake } from './sqlite-wake.ts'

/** Marks a file as ours: `CLRC`. */
const APPLICATION_ID = 0x434c5243
/** What this version of Celeriac writes; raised when older ones could not read it any more. */
const FORMAT_VERSION = 1
/** How long SQLite itself waits for a lock, blocking the event loop; beyond that we wait without blocking. */
const BLOCKING_WAIT_MS = 50
/** No write is added to a transaction that has taken so long. */
const TRANSACTION_MS = 15
/** Free pages of the file that are given back at a time; as many are kept, since they will be needed again. */
const FREE_PAGES = 1000
/** The `-wal` file is written back when it has so many pages, and cut to their size when it was larger. */
const WAL_PAGES = 4000
const WAL_SIZE_LIMIT = WAL_PAGES * 4096

/** How to open a file. */
export interface SqliteFileOptions {
  /** Tables and indexes of the caller: `CREATE … IF NOT EXISTS` statements. */
  readonly tables: string
  /** Milliseconds to wait for other processes. */
  readonly busyTimeout: number
  /** See the module's description. */
  readonly synchronous: 'normal' | 'full'
}

/** A write that waits for its transaction. */
interface PendingWrite {
  readonly announce: boolean
  /** Does the work; again, if the first time was undone. */
  run(): void
  /** The transaction is committed. */
  settle(): void
  reject(error: unknown): void
}

class Write<T> implements PendingWrite {
  readonly announce: boolean
  readonly #work: () => T
  readonly #done = new Deferred<T>()
  #result: { readonly value: T } | undefined

  constructor(work: () => T, announce: boolean) {
    this.#work = work
    this.announce = announce
  }

  get promise(): Promise<T> {
    return this.#done.promise
  }

  run(): void {
    this.#result = { value: this.#work() }
  }

  settle(): void {
    if (this.#result !== undefined) this.#done.resolve(this.#result.value)
  }

  reject(error: unknown): void {
    this.#done.reject(error)
  }
}

/** Open files of this process, by path: a file is opened once, so that its users wake each other and never lock each other out. */
const openFiles = new Map<string, Promise<SqliteFile>>()

/**
 * Opens a file, or joins those who have it open in this process; close it as often as it was opened.
 *
 * @throws ConnectionError, naming the file and a remedy, when it is locked, damaged, not ours, of a newer version …
 */
export async function openSqliteFile(path: string, options: SqliteFileOptions): Promise<SqliteFile> {
  const absolute = resolve(path)
  for (;;) {
    const opening = openFiles.get(absolute) ?? SqliteFile.open(absolute, options.busyTimeout)
    openFiles.set(absolute, opening)
    let file: SqliteFile
    try {
      file = await opening
    } catch (error) {
      if (openFiles.get(absolute) === opening) openFiles.delete(absolute)
      throw error
    }
    // Its last user may have closed it, or it may have failed, while we were waiting.
    if (file.join()) {
      try {
        await file.prepareFor(options)
        return file
      } catch (error) {
        await file.close()
        throw error
      }
    }
    if (openFiles.get(absolute) === opening) openFiles.delete(absolute)
  }
}

/** See the module's description. */
export class SqliteFile {
  readonly path: string
  /** Settles once: with the reason when the file cannot be used any more, undefined when its last user closed it. */
  readonly closed: Promise<Error | undefined>
  readonly #closed = new Deferred<Error | undefined>()
  readonly #database: DatabaseSync
  readonly #busyTimeout: number
  readonly #inode: number
  readonly #wake: SqliteWake
  readonly #statements = new Map<string, StatementSync>()
  readonly #listeners = new Set<() => void>()
  readonly #holds = new Set<symbol>()
  readonly #tables = new Set<string>()
  readonly #writes: PendingWrite[] = []
  /** So many of the next writes get a transaction of their own. */
  #alone = 0
  #writing: Promise<void> | undefined
  #users = 0
  #version = 0

  private constructor(path: string, database: DatabaseSync, busyTimeout: number) {
    this.path = path
    this.closed = this.#closed.promise
    this.#database = database
    this.#busyTimeout = busyTimeout
    this.#inode = statSync(path).ino
    const dataVersion = database.prepare('PRAGMA data_version')
    this.#wake = new SqliteWake({
      path,
      dataVersion: () => Number(dataVersion.get()?.['data_version']),
      changed: () => this.#announce(),
      looked: () => this.#checkInode(),
      failed: (error) => this.#fail(error),
    })
  }

  /** Use `openSqliteFile`. */
  static async open(path: string, busyTimeout: number): Promise<SqliteFile> {
    const database = await retryWhileLocked(() => openDatabase(path), path, busyTimeout)
    try {
      return new SqliteFile(path, database, busyTimeout)
    } catch (error) {
      database.close()
      throw explainSqliteError(error, path, busyTimeout)
    }
  }

  /** Counts one more user; false when it is too late for that. */
  join(): boolean {
    if (this.#closed.settled) return false
    this.#users++
    return true
  }

  /** Makes the tables of a user. */
  async prepareFor({ tables, synchronous }: SqliteFileOptions): Promise<void> {
    // Whoever wants to be safest decides.
    if (synchronous === 'full') this.#database.exec('PRAGMA synchronous = FULL')
    if (this.#tables.has(tables)) return
    await this.write(() => this.#database.exec(tables))
    this.#tables.add(tables)
  }

  /** A prepared statement, the same for the same text. @throws ConnectionError */
  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#explained(() => this.#database.prepare(sql))
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** Runs something that only reads. @throws ConnectionError */
  read<T>(work: () => T): T {
    return this.#explained(work)
  }

  /**
   * Carries out `work`, which must be synchronous, in a transaction. It may be called a second time, when the first was
   * undone, so it must do nothing but call statements. Settles after the commit. Rejects with `ConnectionError`, or with
   * what `work` throws; then nothing of it has happened.
   *
   * @param options `announce`: wake those who wait with `onChange`, in this process and others.
   */
  write<T>(work: () => T, { announce = false }: { readonly announce?: boolean } = {}): Promise<T> {
    if (this.#closed.settled) return Promise.reject(this.#refusal())
    const write = new Write(work, announce)
    this.#writes.push(write)
    this.#writing ??= this.#writeAll()
    return write.promise
  }

  /** Grows with every announced change, and with every change of other processes. */
  get version(): number {
    return this.#version
  }

  /** Calls `listener` when `version` has grown; the process stays alive as long as somebody listens. */
  onChange(listener: () => void): () => void {
    const letGo = this.keepAlive()
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      letGo()
    }
  }

  /** Keeps the process alive until the function it gives is called. */
  keepAlive(): () => void {
    const hold = Symbol('hold')
    if (this.#holds.size === 0) this.#wake.ref()
    this.#holds.add(hold)
    return () => {
      this.#holds.delete(hold)
      if (this.#holds.size === 0) this.#wake.unref()
    }
  }

  /** Whether it can still be used. */
  get open(): boolean {
    return !this.#closed.settled
  }

  /** Whether `trim` would do something. */
  get trimmable(): boolean {
    const free = this.prepare('PRAGMA freelist_count')
    return Number(this.read(() => free.get())?.['freelist_count']) > 2 * FREE_PAGES
  }

  /** Gives some unused space back to the file system. To be called in `write`. */
  trim(): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${FREE_PAGES})`)
  }

  /** One user less; the last one closes the file, after what is being written. */
  async close(): Promise<void> {
    await this.#writing
    if (--this.#users > 0 || this.#closed.settled) return
    this.#end(undefined)
  }

  async #writeAll(): Promise<void> {
    await new Promise<void>((resolveTurn) => {
      setImmediate(resolveTurn)
    })
    while (this.#writes.length > 0) {
      try {
        await retryWhileLocked(() => begin(this.#database), this.path, this.#busyTimeout)
      } catch (error) {
        for (const write of this.#writes.splice(0)) write.reject(error)
        break
      }
      this.#transact()
      if (this.#writes.length > 0) await nextTurn()
    }
    this.#writing = undefined
  }

  /** One transaction, which has begun: as many of the waiting writes as fit into its time. */
  #transact(): void {
    const started = performance.now()
    const carriedOut: PendingWrite[] = []
    const limit = this.#alone > 0 ? 1 : this.#writes.length
    let current: PendingWrite | undefined
    try {
      while (carriedOut.length < limit && performance.now() - started < TRANSACTION_MS) {
        current = this.#writes.shift()
        if (current === undefined) break
        current.run()
        carriedOut.push(current)
        current = undefined
      }
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#undo(carriedOut, current, error)
      return
    }
    if (this.#alone > 0) this.#alone--
    for (const write of carriedOut) write.settle()
    if (!carriedOut.some(({ announce }) => announce)) return
    this.#wake.ring()
    this.#announce()
  }

  /** The transaction failed: at `culprit`, or at its commit. */
  #undo(carriedOut: PendingWrite[], culprit: PendingWrite | undefined, error: unknown): void {
    try {
      // SQLite has ended the transaction by itself after some errors.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    } catch (failure) {
      // Closing undoes it, and nothing else would: those who wait must not wait for ever.
      this.#writes.unshift(...carriedOut)
      culprit?.reject(explainSqliteError(error, this.path, this.#busyTimeout))
      this.#fail(failure)
      return
    }
    if (this.#alone > 0) this.#alone--
    let rejected = culprit
    if (rejected === undefined && carriedOut.length === 1) rejected = carriedOut.pop()
    // The commit of several failed: each tries by itself, so that only those are rejected that cannot work.
    else if (rejected === undefined) this.#alone = carriedOut.length
    this.#writes.unshift(...carriedOut)
    rejected?.reject(explainSqliteError(error, this.path, this.#busyTimeout))
  }

  #announce(): void {
    this.#version++
    for (const listener of [...this.#listeners]) listener()
  }

  #explained<T>(work: () => T): T {
    if (this.#closed.settled) throw this.#refusal()
    try {
      return work()
    } catch (error) {
      throw explainSqliteError(error, this.path, BLOCKING_WAIT_MS)
    }
  }

  #refusal(): ConnectionError {
    return new ConnectionError(`${this.path} is closed: open it again`)
  }

  /** Who writes into a file that was deleted writes into nothing, and does not even notice. */
  #checkInode(): void {
    if (statSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode) return
    this.#end(
      new ConnectionError(`${this.path} was deleted or replaced while it was in use: what was in it is gone`),
    )
  }

  #fail(error: unknown): void {
    const explained = explainSqliteError(error, this.path, BLOCKING_WAIT_MS)
    this.#end(explained instanceof Error ? explained : new ConnectionError(String(explained)))
  }

  #end(reason: Error | undefined): void {
    if (this.#closed.settled) return
    this.#closed.resolve(reason)
    openFiles.delete(this.path)
    this.#wake.close()
    this.#statements.clear()
    this.#database.close()
    for (const write of this.#writes.splice(0)) write.reject(reason)
    this.#announce()
  }
}

/** Milliseconds between two looks at a lock, and looks before the event loop gets its turn. */
const NAP_MS = 0.1
const NAPS = 30
const nap = new Int32Array(new SharedArrayBuffer(4))

/**
 * Begins to write. Other processes hold the lock for fractions of a millisecond; SQLite itself would look again after
 * whole ones only, and several processes that write all the time would spend most of it asleep.
 */
function begin(database: DatabaseSync): void {
  database.exec('PRAGMA busy_timeout = 0')
  try {
    for (let naps = 0; ; naps += 1) {
      try {
        database.exec('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (!isLocked(error) || naps === NAPS) throw error
      }
      Atomics.wait(nap, 0, 0, NAP_MS)
    }
  } finally {
    database.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`)
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolveTurn) => {
    setImmediate(resolveTurn)
  })
}

/** Tries again, a few milliseconds apart, as long as another process holds the lock. */
async function retryWhileLocked<T>(work: () => T, path: string, busyTimeout: number): Promise<T> {
  const deadline = performance.now() + busyTimeout
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!isLocked(error) || performance.now() >= deadline)
        throw explainSqliteError(error, path, busyTimeout)
    }
    await wait(1 + Math.random() * 4)
  }
}

/** Opens the database behind a path and makes sure that it is ours before anything in it is changed. */
function openDatabase(path: string): DatabaseSync {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory()) {
    throw new ConnectionError(`${path} is a folder: the URL must name a file in it`, { recoverable: false })
  }
  if (statSync(dirname(path), { throwIfNoEntry: false }) === undefined) {
    throw new ConnectionError(`${path} cannot be made: create the folder ${dirname(path)} first`, {
      recoverable: false,
    })
  }
  const database = new DatabaseSync(path, { timeout: BLOCKING_WAIT_MS })
  try {
    if (identify(database, path) === 'new') {
      database.exec('PRAGMA auto_vacuum = INCREMENTAL')
    }
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
    if (mode !== 'wal') {
      throw new ConnectionError(
        `${path} must lie on a local file system: this one has no shared memory, which SQLite's WAL needs`,
        { recoverable: false },
      )
    }
    database.exec(
      `PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
       PRAGMA wal_autocheckpoint = ${WAL_PAGES}; PRAGMA journal_size_limit = ${WAL_SIZE_LIMIT}`,
    )
    mark(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Whose database it is. @throws ConnectionError when it is somebody else's, or from the future. */
function identify(database: DatabaseSync, path: string): 'ours' | 'new' {
  // One statement sees one state of the file, even while another process makes it ours.
  const found = database
    .prepare(
      `SELECT (SELECT application_id FROM pragma_application_id) AS id,
              (SELECT user_version FROM pragma_user_version) AS version,
              (SELECT count(*) FROM sqlite_schema) AS tables`,
    )
    .get()
  const id = Number(found?.['id'])
  const version = Number(found?.['version'])
  const tables = Number(found?.['tables'])
  if (id === APPLICATION_ID) {
    if (version <= FORMAT_VERSION) return 'ours'
    throw new ConnectionError(
      `${path} was written by a newer version of Celeriac (format ${version}, this one knows ${FORMAT_VERSION}): ` +
        'update Celeriac here, or name another file',
      { recoverable: false },
    )
  }
  if (id === 0 && version === 0 && tables === 0) return 'new'
  throw new ConnectionError(
    `${path} is a database of another program, which Celeriac leaves alone: name another file`,
    { recoverable: false },
  )
}

/** Marks a new database as ours, unless another process was faster. */
function mark(database: DatabaseSync, path: string): void {
  if (identify(database, path) === 'ours') return
  database.exec('BEGIN IMMEDIATE')
  try {
    if (identify(database, path) === 'new') {
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT_VERSION}`)
    }
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

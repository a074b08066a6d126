import type { SqliteFile } from '../../../util/sqlite-file.ts'
import type { BindingTable, StoredBinding } from '../../virtual/queue-store.ts'

/** Bindings in the file, so that all processes see them. */
export class SqliteBindings implements BindingTable {
  readonly #file: SqliteFile

  constructor(file: SqliteFile) {
    this.#file = file
  }

  async add(exchange: string, { queue, routingKey, pattern }: StoredBinding): Promise<void> {
    const known = await this.list(exchange)
    if (known.some((binding) => binding.queue === queue && binding.routingKey === routingKey)) return
    const insert = this.#file.prepare('INSERT OR IGNORE INTO celeriac_bindings VALUES (?, ?, ?, ?)')
    await this.#file.write(() => void insert.run(exchange, queue, routingKey, pattern))
  }

  async remove(exchange: string, { queue, routingKey }: StoredBinding): Promise<void> {
    const remove = this.#file.prepare(
      'DELETE FROM celeriac_bindings WHERE exchange = ? AND queue = ? AND routing_key = ?',
    )
    await this.#file.write(() => void remove.run(exchange, queue, routingKey))
  }

  async list(exchange: string): Promise<readonly StoredBinding[]> {
    const select = this.#file.prepare(
      'SELECT queue, routing_key, pattern FROM celeriac_bindings WHERE exchange = ?',
    )
    return this.#file
      .read(() => select.all(exchange))
      .map((row) => ({
        queue: String(row['queue']),
        routingKey: String(row['routing_key']),
        pattern: String(row['pattern']),
      }))
  }

  async removeQueue(queue: string): Promise<void> {
    const remove = this.#file.prepare('DELETE FROM celeriac_bindings WHERE queue = ?')
    await this.#file.write(() => void remove.run(queue))
  }
}

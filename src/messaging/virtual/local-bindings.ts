import type { BindingTable, StoredBinding } from './queue-store.ts'

/** Bindings kept in this process, for stores that have no place for them. */
export class LocalBindings implements BindingTable {
  readonly #exchanges = new Map<string, Map<string, StoredBinding>>()

  async add(exchange: string, binding: StoredBinding): Promise<void> {
    let table = this.#exchanges.get(exchange)
    if (table === undefined) {
      table = new Map()
      this.#exchanges.set(exchange, table)
    }
    table.set(keyOf(binding), binding)
  }

  async remove(exchange: string, binding: StoredBinding): Promise<void> {
    this.#exchanges.get(exchange)?.delete(keyOf(binding))
  }

  async list(exchange: string): Promise<readonly StoredBinding[]> {
    return [...(this.#exchanges.get(exchange)?.values() ?? [])]
  }

  async removeQueue(queue: string): Promise<void> {
    for (const table of this.#exchanges.values()) {
      for (const [key, binding] of table) if (binding.queue === queue) table.delete(key)
    }
  }
}

function keyOf(binding: StoredBinding): string {
  return `${binding.queue}\0${binding.routingKey}`
}

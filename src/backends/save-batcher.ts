import type { BatcherOptions } from '../util/batcher.ts'
import { Batcher } from '../util/batcher.ts'

/** What went wrong, by id of the task; whoever is not named in it is stored. */
export type SaveFailures = ReadonlyMap<string, Error>

interface Entry<Save> {
  readonly save: Save
  failure: Error | undefined
}

/**
 * Results that are written together, but fail each for itself: one that a store refuses, because of its size or its id,
 * must not make others fail that happened to be stored in the same turn.
 */
export class SaveBatcher<Save extends { readonly id: string }> {
  readonly #batcher: Batcher<Entry<Save>>

  /** @param write stores several; when it rejects, all of them have failed. */
  constructor(write: (saves: readonly Save[]) => Promise<SaveFailures>, options?: BatcherOptions) {
    this.#batcher = new Batcher(async (entries) => {
      const failures = await write(entries.map(({ save }) => save))
      if (failures.size > 0) for (const entry of entries) entry.failure = failures.get(entry.save.id)
    }, options)
  }

  /** Settles when it is stored. */
  async add(save: Save): Promise<void> {
    const entry: Entry<Save> = { save, failure: undefined }
    await this.#batcher.add(entry)
    if (entry.failure !== undefined) throw entry.failure
  }

  /** Settles when everything that was added so far is stored, or has failed. */
  drain(): Promise<void> {
    return this.#batcher.drain()
  }
}

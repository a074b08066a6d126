/** Keys of results, groups and chords; channels of results are named like their keys. */
export class RedisResultKeys {
  readonly #prefix: string

  /** @param prefix of all keys; Celery: `global_keyprefix`. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** @throws RangeError when the id is empty, as all methods do. */
  task(id: string): string {
    return `${this.#prefix}celery-task-meta-${present(id, 'task')}`
  }

  /** The id behind such a key. */
  idOfTask(key: string): string {
    return key.slice(this.task('x').length - 1)
  }

  group(id: string): string {
    return `${this.#prefix}celery-taskset-meta-${present(id, 'group')}`
  }

  /** Of a chord: its parts, additional size, size, who completed it, ids of its parts. The last two are ours. */
  chord(groupId: string): readonly [parts: string, added: string, size: string, last: string, ids: string] {
    const group = this.group(groupId)
    const ours = `${this.#prefix}celeriac:chord:${groupId}`
    return [`${group}.j`, `${group}.t`, `${group}.s`, `${ours}.last`, `${ours}.ids`]
  }
}

function present(id: string, what: string): string {
  if (id !== '') return id
  throw new RangeError(`The id of a ${what} must not be empty`)
}

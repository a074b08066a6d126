import type { ResultTuple } from '../protocol/result-meta.ts'
import type { ResultContext, ResultNode } from './ports.ts'
import { ResultSet } from './result-set.ts'

/** The results of a group, under the group's id. Celery: `GroupResult`. */
export class GroupResult<T extends readonly unknown[] = unknown[]>
  extends ResultSet<T>
  implements ResultNode
{
  readonly id: string
  parent: ResultNode | undefined
  readonly #context: ResultContext

  constructor(
    id: string,
    results: Iterable<ResultNode>,
    context: ResultContext,
    options: { readonly parent?: ResultNode | undefined } = {},
  ) {
    super(results, context)
    this.id = id
    this.parent = options.parent
    this.#context = context
  }

  /** Saves which results belong to the group, so that `GroupResult.restore` finds them by the group's id. */
  async save(): Promise<void> {
    await this.#context.store.saveGroup(this.id, this.asTuple())
  }

  /** Removes what `save` has saved; the results stay. */
  async delete(): Promise<void> {
    await (await this.#context.store.groups()).forget(this.id)
  }

  /** The group that was saved under an id; undefined when there is none. */
  static async restore(id: string, context: ResultContext): Promise<ResultNode | undefined> {
    const tuple = await (await context.store.groups()).load(id)
    return tuple === undefined ? undefined : context.fromTuple(tuple)
  }

  /** The members. */
  async children(): Promise<readonly ResultNode[]> {
    return this.results
  }

  /** As plain data: `[[id, parent], [members]]`. */
  asTuple(): ResultTuple {
    return [[this.id, this.parent?.asTuple() ?? null], this.tuples()]
  }

  toJSON(): ResultTuple {
    return this.asTuple()
  }

  override toString(): string {
    return this.id
  }
}

/** What has been declared on a connection, so that it is not declared again. kombu: `maybe_declare`. */
import type { Declarable } from './entity.ts'
import type { Channel } from './transport.ts'

/** More are forgotten, and declared again: harmless. */
const LIMIT = 10_000

/** See the module's description. */
export class Declarations {
  readonly #declared = new Set<string>()
  readonly #underWay = new Map<string, Promise<unknown>>()
  #generation = 0

  /** Whether nothing of these needs to be declared. */
  cover(wanted: readonly Declarable[] | undefined, generation: number): boolean {
    if (wanted === undefined || wanted.length === 0) return true
    if (generation !== this.#generation) return false
    for (const { key } of wanted) {
      if (!this.#declared.has(key)) return false
    }
    return true
  }

  /** Declares what needs to be, in order; what somebody else is declaring right now is waited for. */
  async declare(
    channel: Channel,
    wanted: readonly Declarable[] | undefined,
    generation: number,
  ): Promise<void> {
    if (generation !== this.#generation) {
      this.#generation = generation
      this.#declared.clear()
      this.#underWay.clear()
    }
    for (const declarable of wanted ?? []) {
      const { key } = declarable
      if (this.#declared.has(key)) continue
      const underWay = this.#underWay.get(key)
      await (underWay ?? this.#declareOne(channel, declarable, key))
    }
  }

  /** They have turned out to be gone. */
  forget(wanted: readonly Declarable[]): void {
    for (const { key } of wanted) this.#declared.delete(key)
  }

  async #declareOne(channel: Channel, declarable: Declarable, key: string): Promise<void> {
    const generation = this.#generation
    const declaring = declarable.declare(channel)
    this.#underWay.set(key, declaring)
    try {
      await declaring
    } finally {
      if (this.#underWay.get(key) === declaring) this.#underWay.delete(key)
    }
    if (!declarable.canCacheDeclaration || generation !== this.#generation) return
    if (this.#declared.size >= LIMIT) this.#declared.clear()
    this.#declared.add(key)
  }
}

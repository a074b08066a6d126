/**
 * An argument of an entry that is worked out each time the task is sent:
 * `kwargs: { now: new BeatLazyFunc(() => new Date()) }`. Celery: `BeatLazyFunc`.
 */
export class BeatLazyFunc {
  readonly #call: () => unknown

  /** @param args what `func` is called with. It may be async. */
  constructor(func: (...args: never[]) => unknown, ...args: readonly unknown[]) {
    this.#call = () => Reflect.apply(func, undefined, args)
  }

  /** Works the value out. */
  call(): unknown {
    return this.#call()
  }
}

/** A value, or what a lazy one is now. */
export function evaluate(value: unknown): unknown {
  return value instanceof BeatLazyFunc ? value.call() : value
}

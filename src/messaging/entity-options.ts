/** Looks at options of exchanges and queues that no compiler has seen: unknown ones, and arguments in Python's order. */
import { ImproperlyConfigured } from '../errors.ts'
import { isPlainObject } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { camelCase, didYouMean } from '../util/text.ts'

/** What an exchange or a queue is made of, and what it could be. */
export interface EntityArguments {
  readonly entity: 'Exchange' | 'Queue'
  readonly name: unknown
  readonly options: unknown
  /** Names of the options that there are. */
  readonly known: readonly string[]
  /** How it is meant, for the message. */
  readonly example: string
}

/** @throws TypeError, ImproperlyConfigured: with the entity, the option and how it is meant. */
export function checkEntity({ entity, name, options, known, example }: EntityArguments): void {
  if (typeof name !== 'string') {
    throw new TypeError(`The first argument of ${entity} is its name, a text, not ${repr(name)}: ${example}`)
  }
  if (!isPlainObject(options)) {
    throw new TypeError(
      `The second argument of ${entity} '${name}' holds its options, all of them, and is not ${repr(options)}: ${example}`,
    )
  }
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue
    throw new ImproperlyConfigured(
      `${entity} '${name}': there is no option '${option}'${didYouMean(camelCase(option), known)}`,
    )
  }
}

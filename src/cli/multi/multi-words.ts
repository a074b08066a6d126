/**
 * The words behind `celery multi start`: names of nodes, options of all of them, and options of some of them
 * (`-c:1-3 10`, `--concurrency:images=10`). What they mean is the worker's matter. Celery: `NamespacedOptionParser`.
 */

import { constants } from 'node:os'

/** Options in the order in which they were given, flags without a value among them. */
export type MultiOptions = ReadonlyMap<string, string | undefined>

/** What was on the command line. */
export interface MultiWords {
  /** Names of nodes, or one number. */
  readonly names: readonly string[]
  /** Options of all nodes. */
  readonly options: MultiOptions
  /** Options of some, by what stood behind the colon. */
  readonly namespaces: ReadonlyMap<string, MultiOptions>
  /** The word `--` and all that follows it. */
  readonly passthrough: readonly string[]
  /** From `-TERM`, `-SIGTERM` or `-15`. */
  readonly signal: NodeJS.Signals | undefined
}

/** How the words are read. */
export interface MultiGrammar {
  /** Whether an option has a value; undefined: nobody knows it. */
  readonly takesValue: (flag: string) => boolean | undefined
  /** Whether `-TERM` is a signal, and not an option. */
  readonly hasSignal: boolean
}

/** Reads the words. */
export function readMultiWords(words: readonly string[], grammar: MultiGrammar): MultiWords {
  const names: string[] = []
  const options: Options = new Map()
  const namespaces = new Map<string, Options>()
  const rest = words.filter((word) => word !== '')
  let passthrough: readonly string[] = []
  let signal: NodeJS.Signals | undefined
  for (let place = 0; place < rest.length; place++) {
    const word = rest[place] ?? ''
    if (word === '--') {
      passthrough = rest.slice(place)
      break
    }
    if (!word.startsWith('-')) {
      names.push(word)
      continue
    }
    const found = grammar.hasSignal ? signalOf(word) : undefined
    if (found !== undefined) {
      signal = found
      continue
    }
    const option = readOption(word)
    const next = rest[place + 1]
    const wantsNext = option.value === undefined && mayHaveValue(option.flag, grammar)
    if (wantsNext && next !== undefined && !next.startsWith('-')) {
      option.value = next
      place += 1
    }
    const into = option.namespace === undefined ? options : namespaceOf(namespaces, option.namespace)
    into.set(option.flag, option.value)
  }
  return { names, options, namespaces, passthrough, signal }
}

type Options = Map<string, string | undefined>

function namespaceOf(namespaces: Map<string, Options>, name: string): Options {
  const options: Options = namespaces.get(name) ?? new Map()
  namespaces.set(name, options)
  return options
}

/** `--logfile:2=x.log` → flag `--logfile`, namespace `2`, value `x.log`. */
function readOption(word: string): {
  flag: string
  namespace: string | undefined
  value: string | undefined
} {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1
  const head = equals < 0 ? word : word.slice(0, equals)
  const value = equals < 0 ? undefined : word.slice(equals + 1)
  const colon = head.indexOf(':')
  return colon < 0
    ? { flag: head, namespace: undefined, value }
    : { flag: head.slice(0, colon), namespace: head.slice(colon + 1), value }
}

/**
 * Whether the next word may be the value. What nobody knows goes by its looks, as in Celery: short options have one,
 * long ones don't.
 */
function mayHaveValue(flag: string, { takesValue }: MultiGrammar): boolean {
  const known = takesValue(flag)
  if (known !== undefined) return known
  if (flag.startsWith('--')) return false
  // `-c3` and `-EB` are complete.
  return flag.length <= 2 || takesValue(flag.slice(0, 2)) === undefined
}

function signalOf(word: string): NodeJS.Signals | undefined {
  const wanted = word.slice(1)
  const name = wanted.startsWith('SIG') ? wanted : `SIG${wanted}`
  for (const [known, number] of Object.entries(constants.signals)) {
    if ((known === name || String(number) === wanted) && isSignal(known)) return known
  }
  return undefined
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name)
}

/** The app that a command is about, and what people are told when there is none. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { FoundApp } from '../app/find-app.ts'
import { describeFailure, lookUpApp } from '../app/find-app.ts'
import { CliError, EXIT } from './exit-code.ts'

/** How `findApp` works. */
export interface FindAppOptions {
  /** Default: the working folder. */
  readonly cwd?: string
  /** Whether an error of the module is shown with its whole stack. */
  readonly trace?: boolean
}

const HEAD = 'Unable to load celery application.'
const REMEDIES = {
  'no-module': 'Name the file in which the app is made: celery -A path/to/tasks.ts worker',
  'no-app': "Export one: export const app = new Celery('…')",
} as const

const IN_PYTHON =
  "is an app for Python's celery. To watch and command its workers from here the broker is enough:\n" +
  '  celery -b redis://localhost inspect active'

/** The file of Python that its celery would take for the app. */
function pythonFile(module: string, cwd: string): string | undefined {
  const stem = module.replace(/\.py$/, '')
  const name = /^\w+(?:\.\w+)*$/.test(stem) ? stem.replaceAll('.', '/') : stem
  return [`${name}.py`, `${name}/celery.py`, `${name}/__init__.py`].find((file) =>
    existsSync(path.resolve(cwd, file)),
  )
}

/**
 * The app that `-A` names (see `app/find-app.ts`); without a name the default app.
 * @throws CliError, with exit code 2, when there is none.
 */
export async function findApp(
  reference: string | undefined,
  { cwd, trace = false }: FindAppOptions = {},
): Promise<FoundApp> {
  if (reference === undefined) return await defaultApp()
  const lookup = await lookUpApp(reference, cwd)
  if ('app' in lookup) return lookup
  if (lookup.kind !== 'broken-module') {
    const python = lookup.kind === 'no-module' ? pythonFile(lookup.module, lookup.cwd) : undefined
    const remedy = python === undefined ? REMEDIES[lookup.kind] : `${python} ${IN_PYTHON}`
    throw new CliError(`${HEAD}\n${describeFailure(lookup)}.\n${remedy}`, { exitCode: EXIT.usage })
  }
  const { module, error } = lookup
  throw new CliError(
    `${HEAD}\nThe module ${module} was found, but it failed to load:\n${describeError(error, trace)}`,
    { exitCode: EXIT.usage, cause: error },
  )
}

async function defaultApp(): Promise<FoundApp> {
  const { app } = await import('./default-app.ts')
  const module = new URL(`./default-app${path.extname(import.meta.url)}`, import.meta.url)
  return { app, reference: `${module.href}#app` }
}

/** Where this package is. */
const OWN_FILES = new URL('..', import.meta.url).href

/** The error of a module: what it says and where in the user's code it was thrown, or all of the stack. */
function describeError(error: unknown, trace: boolean): string {
  if (!(error instanceof Error)) return String(error)
  const stack = error.stack ?? String(error)
  if (trace) return stack
  // A syntax error shows the place before its message.
  const head = stack.slice(0, stack.search(/\n\s+at /) >>> 0)
  const place = stack.split('\n').find(isOfUser)
  const remedy = remedyOf(error)
  return [head, ...(place === undefined ? [] : [place]), ...(remedy === undefined ? [] : [remedy])].join('\n')
}

/** Whether a line of a stack is about the user's code. */
function isOfUser(line: string): boolean {
  return /^\s+at /.test(line) && !/node:|node_modules/.test(line) && !line.includes(OWN_FILES)
}

/** What helps against errors whose own words don't say so. */
function remedyOf(error: Error): string | undefined {
  if ('code' in error && error.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return (
      'Node runs TypeScript by leaving the types out, so enums, namespaces and parameter properties need either\n' +
      'NODE_OPTIONS=--experimental-transform-types, or the app compiled to JavaScript: celery -A dist/tasks.js worker'
    )
  }
  return 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION' && error.message.includes('".py"')
    ? `It ${IN_PYTHON}`
    : undefined
}

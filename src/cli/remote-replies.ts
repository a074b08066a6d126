/** Prints what workers reply, as Celery does. */
import type { Celery } from '../app/celery.ts'
import type { NodeReply } from '../control/reply-collector.ts'
import { isRecord } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { pluralise } from '../util/text.ts'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'

/** A reply as it comes: which node, how it went, and with `body` what it says. */
export function sayReply(context: CliContext, reply: NodeReply, { body }: { readonly body: boolean }): void {
  for (const [node, value] of Object.entries(reply)) {
    const { failed, text } = pretty(context, value)
    const status = failed ? context.style(['red', 'bold'], 'ERROR') : context.style(['green', 'bold'], 'OK')
    const arrow = context.quiet ? '' : `${context.style(['white', 'bold'], '->')} `
    context.echo(`${arrow} ${context.style(['cyan', 'bold'], `${node}: `)}${status}`)
    if (body && text !== '') context.echo(indent(text))
  }
}

/** All replies, for programs. */
export function echoJson(context: CliContext, app: Celery, replies: unknown): void {
  context.echo(Buffer.from(app.serializers.encode(replies, 'json').body).toString())
}

/** The last line. */
export function sayNodeCount(context: CliContext, count: number): void {
  if (!context.quiet) context.echo(`\n${pluralise(count, 'node')} online.`)
}

/** What becomes of silence: on a broker that nobody named, the one that was meant was probably forgotten. */
export function noReplies({ conf, settings }: Celery): CliError {
  const isForgotten = settings.brokerUrl.startsWith('sqlite:') && !conf.has('brokerUrl')
  const hint = isForgotten
    ? `\nNo broker is configured, so the embedded one was asked (${process.cwd()}/celery.sqlite3). Another one: ` +
      'celery -A <module> … or celery -b <url> …'
    : ''
  return new CliError(`Error: No nodes replied within time constraint${hint}`, { exitCode: EXIT.unavailable })
}

interface Pretty {
  readonly failed: boolean
  readonly text: string
}

function pretty(context: CliContext, value: unknown): Pretty {
  if (Array.isArray(value)) return { failed: false, text: prettyList(context, value) }
  if (typeof value === 'string') return { failed: false, text: value }
  if (!isRecord(value)) return { failed: false, text: repr(value) }
  if ('ok' in value) return { failed: false, text: indent(pretty(context, value['ok']).text) }
  if ('error' in value) return { failed: true, text: indent(pretty(context, value['error']).text) }
  return { failed: false, text: JSON.stringify(sorted(value), plainly, 4) }
}

function prettyList(context: CliContext, items: readonly unknown[]): string {
  if (items.length === 0) return '- empty -'
  const star = context.style('white', '*')
  const lines = items.map((item) => {
    return `${star} ${typeof item === 'string' ? item : repr(item, { maxLevels: 0 })}`
  })
  return lines.join('\n')
}

/** The same with keys in order, at all levels. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value) || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])]),
  )
}

function plainly(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
}

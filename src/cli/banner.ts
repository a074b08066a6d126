/** What a worker shows when it starts. */

import { arch, release, type } from 'node:os'
import { sanitizeUrl } from '../util/url.ts'
import { versionBanner } from '../util/version.ts'

/** What the banner says. */
export interface BannerFacts {
  readonly hostname: string
  /** Name of the app and where it was found. */
  readonly app: string
  /** URL of the broker; its password is hidden here. */
  readonly transport: string
  /** URL of the result backend; `undefined`: results aren't kept. */
  readonly results: string | undefined
  /** E.g. `8 (prefork)` or `{min=3, max=10} (prefork)`. */
  readonly concurrency: string
  readonly taskEvents: boolean
  readonly queues: readonly BannerQueue[]
  /** Names of the tasks to show; `undefined`: none are shown. */
  readonly tasks: readonly string[] | undefined
  readonly now: Date
}

/** One line of `[queues]`. */
export interface BannerQueue {
  readonly name: string
  /** With its type: `celery(direct)`. */
  readonly exchange: string
  readonly routingKey: string
}

/** The vegetable: leaves, knob, roots. */
const ART: readonly string[] = [
  ' .-. _   _ .-. ',
  ' (_ \\ \\ / / _) ',
  '   \\_\\ V /_/   ',
  '    \\ \\|/ /    ',
  "   .-'---'-.   ",
  "  / ( '  ) .\\  ",
  ' |  . -  (   | ',
  ' | )   .  -  | ',
  '  \\ - (  )  /  ',
  "   '-.___.-'   ",
  '    /|\\ |\\     ',
  "   ' | ' ' '   ",
]
const INDENT = ' '.repeat(16)

/** The banner, in Celery's order. */
export function banner(facts: BannerFacts): string {
  const lines = [
    `${facts.hostname} v${versionBanner()}`,
    '',
    `${type()}-${release()}-${arch()} Node-${process.versions.node} ${localTime(facts.now)}`,
    '',
    '[config]',
    `.> app:         ${facts.app}`,
    `.> transport:   ${sanitizeUrl(facts.transport)}${isEmbedded(facts.transport) ? EMBEDDED : ''}`,
    `.> results:     ${facts.results === undefined ? 'disabled://' : sanitizeUrl(facts.results)}`,
    `.> concurrency: ${facts.concurrency}`,
    `.> task events: ${facts.taskEvents ? 'ON' : 'OFF (enable -E to monitor tasks in this worker)'}`,
    '',
    '[queues]',
    ...queueLines(facts.queues),
  ]
  const withArt = lines.map((line, index) => `${ART[index] === undefined ? INDENT : `${ART[index]} `}${line}`)
  return `${withArt.map((line) => line.trimEnd()).join('\n')}\n${taskLines(facts.tasks)}`
}

const EMBEDDED = ' (embedded: a file, shared by the processes of this machine only)'

function isEmbedded(url: string): boolean {
  return url.startsWith('sqlite:')
}

function queueLines(queues: readonly BannerQueue[]): string[] {
  return queues.map(
    ({ name, exchange, routingKey }) => `.> ${name.padEnd(16)} exchange=${exchange} key=${routingKey}`,
  )
}

function taskLines(tasks: readonly string[] | undefined): string {
  if (tasks === undefined) return ''
  return `\n[tasks]\n${tasks
    .toSorted()
    .map((task) => `  . ${task}\n`)
    .join('')}\n`
}

/** `2030-01-02 03:04:05`, on the clock of this machine. */
export function localTime(date: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}

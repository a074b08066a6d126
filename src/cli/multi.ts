/** `celery multi`. */

import { Command } from 'commander'
import { didYouMean } from '../util/text.ts'
import { versionBanner } from '../util/version.ts'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'
import { MultiCluster } from './multi/multi-cluster.ts'
import type { WorkerProgram } from './multi/multi-node.ts'
import { CLUSTER_OPTIONS, multiNodes } from './multi/multi-nodes.ts'
import { MultiVoice } from './multi/multi-voice.ts'
import type { MultiGrammar } from './multi/multi-words.ts'
import { readMultiWords } from './multi/multi-words.ts'
import { environmentNote } from './options.ts'
import { workerCommand } from './worker.ts'

const USAGE = `\
usage: celery multi start <node1 node2 nodeN|range> [worker options]
       celery multi stop <n1 n2 nN|range> [-SIG (default: -TERM)]
       celery multi stopwait <n1 n2 nN|range> [-SIG (default: -TERM)]
       celery multi restart <n1 n2 nN|range> [-SIG] [worker options]
       celery multi kill <n1 n2 nN|range>

       celery multi show <n1 n2 nN|range> [worker options]
       celery multi get <node> <n1 n2 nN|range> [-qv] [worker options]
       celery multi names <n1 n2 nN|range>
       celery multi expand <template> <n1 n2 nN|range>
       celery multi help

additional options (must appear after command name):

    * --nosplash:   Don't display program info.
    * --quiet:      Don't show as much output.
    * --verbose:    Show more output.
    * --no-color:   Don't display colors.
`

const HELP = `
Nodes are named, or counted: 3 means celery1, celery2 and celery3. Options are those of celery worker; behind a colon
stands for which nodes they are: names, numbers, lists and ranges. Whoever stops or restarts nodes gives the same pid
files as when they were started (default: /var/run/celery/%n.pid and /var/log/celery/%n%I.log).

Options of the cluster:
  --cmd <command>          what starts a worker, instead of this program
  --append <text>          put behind the command line of each
  -n, --hostname <host>    host in the names (default: that of this machine); also --suffix
  --prefix <text>          put before names that are given
  --range-prefix <text>    put before numbers (default: celery)

In values %n is the short name of the node, %h the whole one, %d its host; %i and %I are those of celery worker.

Examples:
  $ celery -A tasks multi start 3 -l INFO -c 4 --pidfile=./%n.pid --logfile=./%n%I.log
  $ celery multi start images video data -A tasks -c 3 -c:images 10
  $ celery multi start 10 -A tasks -l INFO -Q:1-3 images,video -Q:4,5 data -Q default -l:4,5 DEBUG
  $ celery multi start foo@%h bar@example.com -A tasks
  $ celery multi restart 3 -A tasks -l INFO --pidfile=./%n.pid --logfile=./%n%I.log
  $ celery multi stopwait 3 --pidfile=./%n.pid
  $ celery multi show 3 -A tasks -c 3
`

type Deed = (multi: Multi, words: readonly string[]) => Promise<boolean>

interface MultiCommand {
  readonly hasSignal?: boolean
  /** Whether the program is introduced first. */
  readonly splash: boolean
  readonly run: Deed
}

const COMMANDS: ReadonlyMap<string, MultiCommand> = new Map<string, MultiCommand>([
  ['start', { splash: true, run: async (multi, words) => await multi.cluster(words).start() }],
  ['stop', { splash: true, run: async (multi, words) => await multi.stop(words, false) }],
  ['stopwait', { splash: true, run: async (multi, words) => await multi.stop(words, true) }],
  ['stop_verify', { splash: true, run: async (multi, words) => await multi.stop(words, true) }],
  ['restart', { splash: true, run: async (multi, words) => await multi.restart(words) }],
  ['kill', { splash: true, run: async (multi, words) => await multi.kill(words) }],
  ['show', { splash: false, run: async (multi, words) => multi.show(words) }],
  ['names', { splash: false, run: async (multi, words) => multi.names(words) }],
  ['expand', { splash: false, run: async (multi, words) => multi.expand(words) }],
  ['get', { splash: false, run: async (multi, words) => multi.get(words) }],
])

/** Declares the command. */
export function multiCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('multi')
    .description('Start, stop and restart several workers on this machine.')
    .argument('[command]', 'start, stop, stopwait, restart, kill, show, names, expand, get or help')
    .argument('[words...]', 'names of nodes or their number, and options of workers')
    .allowUnknownOption()
    .passThroughOptions()
  command.addHelpText('after', () => `${HELP}${environmentNote(command)}`)
  return command.action(
    async (name: string | undefined, given: string[], _options: object, self: Command) => {
      const context = contextOf(self)
      if (name === 'help') {
        self.outputHelp()
        return
      }
      const [manners, words] = takeManners(given)
      const { quiet, color } = context.options
      const voice = new MultiVoice(context, {
        nosplash: manners.has('--nosplash'),
        quiet: quiet === true || manners.has('--quiet') || manners.has('-q'),
        verbose: manners.has('--verbose'),
        color: color && !manners.has('--no-color'),
      })
      const what = name === undefined ? undefined : COMMANDS.get(name)
      const splash = (): void => {
        if (!voice.manners.nosplash) voice.note(voice.style('cyan', `celery multi v${versionBanner()}`))
      }
      if (what === undefined) {
        const similar = name === undefined ? '' : didYouMean(name, COMMANDS.keys())
        if (name !== undefined) context.io.err(`Invalid command: ${name}${similar}\n`)
        splash()
        voice.say(USAGE)
        context.exitCode = EXIT.failure
        return
      }
      if (what.splash) splash()
      const succeeded = await what.run(new Multi(context, self, voice), words)
      context.exitCode = succeeded ? EXIT.ok : EXIT.failure
    },
  )
}

const MANNERS: ReadonlySet<string> = new Set(['--nosplash', '--quiet', '-q', '--verbose', '--no-color'])

/** Options of the program itself, which may stand anywhere, and the other words. */
function takeManners(words: readonly string[]): [ReadonlySet<string>, string[]] {
  const end = words.indexOf('--') < 0 ? words.length : words.indexOf('--')
  const own = words.slice(0, end)
  return [
    new Set(own.filter((word) => MANNERS.has(word))),
    [...own.filter((word) => !MANNERS.has(word)), ...words.slice(end)],
  ]
}

/** What the commands do. */
class Multi {
  readonly #context: CliContext
  readonly #command: Command
  readonly #voice: MultiVoice

  constructor(context: CliContext, command: Command, voice: MultiVoice) {
    this.#context = context
    this.#command = command
    this.#voice = voice
  }

  cluster(words: readonly string[]): MultiCluster {
    return this.#clusterAndSignal(words, false).cluster
  }

  async stop(words: readonly string[], wait: boolean): Promise<boolean> {
    const { cluster, signal } = this.#clusterAndSignal(words, true)
    await cluster.stop(signal, { wait })
    return true
  }

  async restart(words: readonly string[]): Promise<boolean> {
    const { cluster, signal } = this.#clusterAndSignal(words, true)
    return await cluster.restart(signal)
  }

  async kill(words: readonly string[]): Promise<boolean> {
    await this.cluster(words).kill()
    return true
  }

  show(words: readonly string[]): boolean {
    for (const node of this.cluster(words).nodes) this.#voice.say(`${node.executable} ${node.commandLine}`)
    return true
  }

  names(words: readonly string[]): boolean {
    for (const node of this.cluster(words).nodes) this.#voice.say(node.name)
    return true
  }

  expand([template, ...words]: readonly string[]): boolean {
    if (template === undefined) throw missing('a template', 'celery multi expand %n.log 3')
    for (const node of this.cluster(words).nodes) this.#voice.say(node.expand(template))
    return true
  }

  get([wanted, ...words]: readonly string[]): boolean {
    if (wanted === undefined) throw missing('the name of a node', 'celery multi get celery1@example.com 3')
    const node = this.cluster(words).nodes.find(({ name }) => name === wanted)
    if (node !== undefined) this.#voice.say(node.commandLine)
    return node !== undefined
  }

  #clusterAndSignal(
    words: readonly string[],
    hasSignal: boolean,
  ): { readonly cluster: MultiCluster; readonly signal: NodeJS.Signals } {
    const all = [...this.#globalWords(), ...words]
    const read = readMultiWords(all, { hasSignal, takesValue: valuesOf(this.#command, this.#context) })
    const nodes = multiNodes(read, workerProgram())
    return { cluster: new MultiCluster(nodes, this.#voice), signal: read.signal ?? 'SIGTERM' }
  }

  /** Options of the program that stood before `multi`, for the workers. To its folder `multi` itself went already. */
  #globalWords(): string[] {
    const { app, broker, resultBackend, loader, config, skipChecks, traceback } = this.#context.options
    const valued: readonly (readonly [string, string | undefined])[] = [
      ['--app', app],
      ['--broker', broker],
      ['--result-backend', resultBackend],
      ['--loader', loader],
      ['--config', config],
    ]
    return [
      ...valued.flatMap(([flag, value]) => (value === undefined ? [] : [`${flag}=${value}`])),
      ...(skipChecks ? ['--skip-checks'] : []),
      ...(traceback ? ['--traceback'] : []),
    ]
  }
}

function missing(what: string, example: string): CliError {
  return new CliError(`Give ${what}: ${example}`, { exitCode: EXIT.usage })
}

function workerProgram(): WorkerProgram {
  const [, script = ''] = process.argv
  return { executable: process.execPath, command: [...process.execArgv, script, 'worker', '--detach'] }
}

/** What the program knows of its own options and those of workers. */
function valuesOf(multi: Command, context: CliContext): MultiGrammar['takesValue'] {
  const options = [...(multi.parent?.options ?? []), ...workerCommand(() => context).options]
  return (flag) => {
    if (CLUSTER_OPTIONS.includes(flag)) return true
    const option = options.find(({ short, long }) => flag === short || flag === long)
    return option && (option.required || option.optional)
  }
}

/** The app of the ledger: its task writes down that it ran, in a way that survives `kill -9`. */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Celery, type Task } from '../../src/index.ts'

/** Where the ledger is and how its broker is reached; workers get it in `LEDGER`, as JSON. */
export interface LedgerPlace {
  readonly file: string
  readonly broker: string
  readonly transportOptions: Readonly<Record<string, unknown>>
}

/** Writes `entry` into the ledger after so many milliseconds. */
export type Mark = Task<[entry: string, milliseconds: number], void>

export function createLedgerApp({ file, broker, transportOptions }: LedgerPlace): {
  app: Celery
  mark: Mark
} {
  const app = new Celery('ledger', { broker, brokerTransportOptions: transportOptions })
  const mark = app.task(
    'ledger.mark',
    { acksLate: true, rejectOnWorkerLost: true, ignoreResult: true },
    async (entry: string, milliseconds: number) => {
      if (milliseconds > 0) await sleep(milliseconds)
      appendFileSync(file, `${entry}\n`)
    },
  )
  return { app, mark }
}

const place = process.env['LEDGER']

/** What a worker finds here. */
export const app: Celery | undefined =
  place === undefined ? undefined : createLedgerApp(JSON.parse(place)).app

/** The app of the ledger: its task writes down that it ran, in a way that survives `kill -9`. */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Celery } from '../../src/index.ts'

const file = process.env['LEDGER_FILE'] ?? ''

export const app = new Celery('ledger', {
  brokerTransportOptions: JSON.parse(process.env['LEDGER_TRANSPORT_OPTIONS'] ?? '{}'),
})

export const mark = app.task(
  'ledger.mark',
  { acksLate: true, rejectOnWorkerLost: true, ignoreResult: true },
  async (entry: string, milliseconds: number) => {
    if (milliseconds > 0) await sleep(milliseconds)
    appendFileSync(file, `${entry}\n`)
  },
)

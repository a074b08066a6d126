/** Where beat remembers what ran: the same story for each store, on the real thing. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'
import type { ScheduleChanges, ScheduleStore } from '../../src/beat.ts'
import { openStore } from '../../src/beat.ts'
import { Celery } from '../../src/index.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import { tempDir } from '../support/temp-dir.ts'

const PLACES = [
  { name: 'file', needs: { skip: false }, place: async (t: TestContext) => join(tempDir(t), 'schedule') },
  { name: 'redis', needs: needs('redis-server'), place: async (t: TestContext) => (await startRedis(t)).url },
] as const

const app = new Celery('stores', { setAsCurrent: false })

async function open(t: TestContext, place: string): Promise<ScheduleStore> {
  const store = openStore(app, place)
  onCleanup(
    t,
    () => store.close(),
    () => undefined,
  )
  await store.open()
  return store
}

function changes(states: ScheduleChanges['states'], removed: readonly string[] = []): ScheduleChanges {
  return { timezone: 'Europe/Berlin', utcEnabled: true, states, removed }
}

for (const { name, needs: options, place } of PLACES) {
  suite(`store: ${name}`, options, () => {
    test('remembers from beat to beat [8-041] [8-036]', async (t) => {
      const url = await place(t)
      const first = await open(t, url)
      assert.equal(await first.lead?.(), true)
      const fresh = await first.load()
      assert.deepEqual(
        [fresh.timezone, fresh.utcEnabled, fresh.states.size, fresh.entries.size],
        [undefined, undefined, 0, 0],
      )
      const a = { lastRunAt: 1_700_000_000_123, totalRunCount: 3 }
      const b = { lastRunAt: 1_700_000_000_456, totalRunCount: 1 }
      assert.equal(
        await first.save(
          changes(
            new Map([
              ['a', a],
              ['ü b', b],
            ]),
          ),
        ),
        true,
      )
      assert.equal(await first.save(changes(new Map(), ['a'])), true)
      await first.close()
      const second = await open(t, url)
      const stored = await second.load()
      assert.deepEqual(stored, {
        seed: fresh.seed,
        timezone: 'Europe/Berlin',
        utcEnabled: true,
        states: new Map([['ü b', b]]),
        entries: new Map(),
      })
      assert.match(stored.seed, /^[\da-f-]{36}$/)
    })

    test('lets one lead; only that one can record [8-045]', async (t) => {
      const url = await place(t)
      const [first, second] = [await open(t, url), await open(t, url)]
      assert.equal(await first.lead?.(), true)
      assert.equal(await second.lead?.(), false)
      assert.equal(await first.lead?.(), true)
      const state = changes(new Map([['a', { lastRunAt: 1, totalRunCount: 1 }]]))
      assert.equal(await second.save(state), false)
      assert.equal((await second.load()).states.size, 0)
      await first.close()
      assert.equal(await second.lead?.(), true)
      assert.equal(await second.save(state), true)
    })

    test('holds entries that anybody may edit, and tells of it [8-029]', async (t) => {
      const url = await place(t)
      const [beat, editor] = [await open(t, url), await open(t, url)]
      await beat.lead?.()
      let told = 0
      beat.onChange?.(() => told++)
      await editor.put?.('new', { task: 'tasks.add', schedule: { crontab: '0 4 * * *' } })
      await eventually(async () => {
        await beat.lead?.()
        return told === 1
      })
      assert.deepEqual(
        [...(await beat.load()).entries],
        [['new', { task: 'tasks.add', schedule: { crontab: '0 4 * * *' } }]],
      )
      await editor.put?.('new', undefined)
      await eventually(async () => {
        await beat.lead?.()
        return told === 2
      })
      assert.equal((await beat.load()).entries.size, 0)
    })
  })
}

test('a file that is no schedule of ours stays as it is, and the error says what to do [8-041]', async (t) => {
  const file = join(tempDir(t), 'celerybeat-schedule')
  const text = 'Berkeley DB, or whatever Python has made of it. '.repeat(100)
  writeFileSync(file, text)
  await assert.rejects(openStore(app, file).open(), {
    name: 'ConnectionError',
    message: `${file} is no SQLite database: move it out of the way or name another file`,
  })
  assert.equal(readFileSync(file, 'utf8'), text)
})

/** The entries of docs/guide/periodic-tasks.md are understood. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { findApp } from '../../../src/app/find-app.ts'
import { Scheduler } from '../../../src/beat.ts'
import { tempDir } from '../../support/temp-dir.ts'

test('the app of the page has the entries that the page shows, and its scheduler takes them', async (t) => {
  const page = readFileSync(new URL('../../../docs/guide/periodic-tasks.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) =>
    code.replaceAll(/from 'celeriac(?:\/(\w+))?'/g, (_, entry: string = 'index') => {
      return `from '${new URL(`../../../src/${entry}.ts`, import.meta.url).href}'`
    }),
  )
  const folder = tempDir(t)
  for (const [index, code] of blocks.entries()) writeFileSync(join(folder, `block${index}.ts`), code)
  const { app } = await findApp('block0', folder)
  const last = join(folder, `block${blocks.length - 1}.ts`)
  const { MyScheduler }: Record<string, unknown> = await import(pathToFileURL(last).href)
  assert.ok(typeof MyScheduler === 'function')
  const scheduler: unknown = Reflect.construct(MyScheduler, [app, {}])
  assert.ok(scheduler instanceof Scheduler)
  await scheduler.setup()
  await scheduler.tick()
  const shown = [...scheduler.schedule.values()].map(({ task, parts }) => `${task} ${parts.schedule}`)
  assert.deepEqual(shown, [
    'tasks.add <freq: 30.00 seconds>',
    'tasks.report <crontab: 30 7 * * mon-fri (m/h/dM/MY/d)>',
    'tasks.sweep <freq: 2.00 hours>',
    'tasks.lights <solar: sunset at latitude -37.81753, longitude: 144.96715>',
    'tasks.add <freq: 10.00 seconds>',
  ])
  await scheduler.close()
})

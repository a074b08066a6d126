/** Times without an offset, as `datetime.utcnow()` gives them, from a Python client whose app has a zone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsPartners, startNodeApp, startNodeWorker, startPlace, startPython } from './partners.ts'
import { startPythonClient } from './python-client.ts'

test(
  'workers of both sides take naive etas for UTC, whatever their zone [5-025]',
  needsPartners('redis'),
  async (t) => {
    const settings = { timezone: 'Asia/Kolkata', enable_utc: false }
    const place = await startPlace(t, 'redis', { settings })
    const node = startNodeApp(t, place, settings)
    const python = await startPythonClient(t, place.env)
    await Promise.all([startNodeWorker(t, node), startPython(t, place)])
    const late = await python.run(`
    eta = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(minutes=5)
    for protocol in (1, 2):
      with settings(task_protocol=protocol):
        for side in ('node', 'py'):
          send(side + '.add', 1, 1, eta=eta.replace(tzinfo=None), expires=eta.replace(tzinfo=None))
    def etas():
      scheduled = app.control.inspect(timeout=1).scheduled() or {}
      seen = [[datetime.datetime.fromisoformat(item['eta']) for item in items] for items in scheduled.values()]
      return seen if [len(each) for each in seen] == [2, 2] else None
    return [(each - eta).total_seconds() for seen in until(etas) for each in seen]`)
    assert.deepEqual(late, [0, 0, 0, 0])
  },
)

/**
 * `file:///path`: one file per result in a folder that clients and workers share, on one machine or through a network
 * file system. Celery: `FilesystemBackend`.
 *
 * Files have Celery's names and contents. Unlike Celery's they are put in place whole, so nobody reads half of one.
 * Nothing expires by itself: `celery.backend_cleanup` removes what is older than `resultExpires`.
 */
import { ImproperlyConfigured } from '../errors.ts'
import { OptionReader } from '../util/option-reader.ts'
import { uuid } from '../util/uuid.ts'
import type { Backend, BackendOptions } from './backend.ts'
import { FolderStore } from './filesystem/folder-store.ts'
import { KeyValueBackend } from './key-value-backend.ts'
import { KeyValueKeys } from './key-value-keys.ts'

/**
 * Opens the backend. `file:///absolute/path`, `file://localhost/absolute/path` or `file://relative/path`; the text is
 * taken as it is, without percent-decoding.
 *
 * Transport option: `polling_interval`, seconds between two looks at files that are waited for, for network file
 * systems, which tell nothing of what other machines write. Default: the file system tells of changes.
 * @throws ImproperlyConfigured when there is no such folder, or no file can be written in it.
 */
export async function createFilesystemBackend(options: BackendOptions): Promise<Backend> {
  const { url, transportOptions, expires } = options
  const reader = new OptionReader(transportOptions, 'the transport options of file://')
  const folder = folderOf(url)
  const keys = new KeyValueKeys(transportOptions['global_keyprefix'])
  const store = new FolderStore({
    folder,
    expires,
    owns: (name) => keys.owns(name),
    pollingInterval: reader.milliseconds('polling_interval'),
  })
  await tryOut(store, folder)
  return new KeyValueBackend(store, options)
}

/** Celery takes the rest of the URL as it is. */
function folderOf(url: string): string {
  const rest = url.replace(/^file:(?:\/\/)?/i, '').replace(/^localhost(?=\/)/, '')
  const folder = process.platform === 'win32' ? rest.replace(/^\//, '') : rest
  if (folder !== '') return folder
  throw new ImproperlyConfigured(
    `The result backend ${JSON.stringify(url)} names no folder: write file:///path/of/a/folder`,
  )
}

async function tryOut(store: FolderStore, folder: string): Promise<void> {
  const name = `.fs-backend-${uuid()}`
  try {
    await store.set(name, new TextEncoder().encode('test value'))
    await store.get(name)
    await store.delete([name])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ImproperlyConfigured(
      `The folder ${JSON.stringify(folder)} cannot hold results (${reason}): make it, with the right to write in it`,
      { cause },
    )
  }
}

/**
 * The console: signed out, or the list of endpoints. A client of the public API and of nothing else; the token
 * lives in this tab only. Text from the API is only ever set as text.
 */
const REFRESH_MS = 2_000
const TOKEN = 'berth-token'

const element = (id) => document.getElementById(id)
/** Ends whatever the last sign-in started: its requests and its timer. */
let session = new AbortController()

element('sign-in').addEventListener('submit', (event) => {
  event.preventDefault()
  sessionStorage.setItem(TOKEN, element('token').value.trim())
  element('token').value = ''
  start()
})
element('sign-out').addEventListener('click', () => signOut())
element('namespace').addEventListener('change', () => {
  element('endpoints').replaceChildren()
  element('empty').hidden = true
})

function signOut(reason = '') {
  session.abort()
  sessionStorage.removeItem(TOKEN)
  for (const id of ['signed-in', 'sign-out', 'empty']) element(id).hidden = true
  element('who').textContent = ''
  element('endpoints').replaceChildren()
  element('signed-out').hidden = false
  tell(reason)
  element('token').focus()
}

async function start() {
  session.abort()
  session = new AbortController()
  const { signal } = session
  if (!sessionStorage.getItem(TOKEN)) return signOut()
  element('signed-out').hidden = true
  for (let isKnown = false; !signal.aborted; ) {
    try {
      if (!isKnown) showCaller(await get('/hub/api/whoami-v2', signal))
      isKnown = true
      if (!document.hidden) await refresh(signal)
      tell('')
    } catch (error) {
      if (signal.aborted) return
      if (error.status === 401) return signOut(error.message)
      tell(error.message)
    }
    await pause(REFRESH_MS, signal)
  }
}

async function refresh(signal) {
  const namespace = element('namespace').value
  const { items } = await get(`/v2/endpoint/${encodeURIComponent(namespace)}`, signal)
  if (namespace !== element('namespace').value) return
  showEndpoints(items)
  element('freshness').textContent = items.length === 1 ? '1 endpoint' : `${items.length} endpoints`
}

async function get(path, signal) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` }
  const response = await fetch(path, { headers, signal }).catch((cause) => {
    throw new Error('Berth does not answer. It is asked again every few seconds.', { cause })
  })
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  throw Object.assign(new Error(body.error ?? `Berth answered ${response.status}.`), {
    status: response.status,
  })
}

function showCaller({ name, orgs }) {
  element('who').textContent = name
  element('namespace').replaceChildren(
    ...[name, ...orgs.map((org) => org.name)].map((text) => new Option(text)),
  )
  element('sign-out').hidden = false
  element('signed-in').hidden = false
}

/** Changes what is there in place, so that focus and selection outlive a refresh. */
function showEndpoints(endpoints) {
  const list = element('endpoints')
  const shown = new Map([...list.children].map((item) => [item.dataset.name, item]))
  const items = endpoints.map((endpoint) => fill(shown.get(endpoint.name) ?? newItem(), endpoint))
  const isSameOrder =
    items.length === list.children.length && items.every((item, at) => item === list.children[at])
  if (!isSameOrder) list.replaceChildren(...items)
  element('empty').hidden = endpoints.length > 0
}

function newItem() {
  const item = element('endpoint').content.firstElementChild.cloneNode(true)
  const button = item.querySelector('button')
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(item.querySelector('code').textContent)
    button.textContent = 'Copied'
    setTimeout(() => {
      button.textContent = 'Copy'
    }, REFRESH_MS)
  })
  // Browsers give pages the clipboard over HTTPS and on this machine only.
  button.hidden = !navigator.clipboard
  return item
}

function fill(item, { name, status, model, compute, type }) {
  item.dataset.name = name
  const { minReplica, maxReplica } = compute.scaling
  setText(item.querySelector('h3'), name)
  setText(item.querySelector('.state'), status.state)
  item.querySelector('.state').dataset.state = status.state
  setText(item.querySelector('.message'), status.errorMessage ?? status.message)
  setText(item.querySelector('code'), status.url ?? '')
  item.querySelector('button').setAttribute('aria-label', `Copy the URL of ${name}`)
  item.querySelector('.url').hidden = !status.url
  const replicas = `${status.readyReplica}/${status.targetReplica} replicas ready (${minReplica} to ${maxReplica})`
  const details = [model.repository, `${compute.instanceType}/${compute.instanceSize}`, replicas, type]
  setText(item.querySelector('.details'), details.join(' · '))
  return item
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text
}

function tell(text) {
  setText(element('notice'), text)
  element('notice').hidden = !text
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}

start()

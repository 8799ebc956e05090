/** Draws /openapi.json. Everything comes from this server; the token stays in this page. */

const byId = (id) => document.getElementById(id)

/** An element with properties and children; text is never read as markup. */
function el(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children.filter((child) => child !== undefined))
  return element
}

function typeOf(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const union = schema.anyOf ?? schema.oneOf
  if (union) return union.map(typeOf).join(' | ')
  if (schema.type === 'array') return `${typeOf(schema.items ?? {})}[]`
  return [schema.type].flat().filter(Boolean).join(' | ') || 'anything'
}

function rulesOf(schema) {
  const rules = {
    'at least': schema.minimum ?? schema.exclusiveMinimum,
    'at most': schema.maximum,
    'characters, at most': schema.maxLength,
    'entries, at most': schema.maxItems,
    default: schema.default,
    pattern: schema.pattern,
    format: schema.format,
  }
  const known = Object.entries(rules).filter(
    ([, value]) => value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER,
  )
  return known.map(([rule, value]) => `${rule} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
}

/** The object schemas inside: itself, the items of a list, the members of a union, the values of a map. */
function objectsIn(schema) {
  const inner = schema.anyOf ?? schema.oneOf
  if (inner) return inner.flatMap(objectsIn)
  if (schema.type === 'array') return objectsIn(schema.items ?? {})
  if (schema.properties) return [schema]
  return typeof schema.additionalProperties === 'object' ? objectsIn(schema.additionalProperties) : []
}

function fieldList(schema) {
  return el('ul', { className: 'fields' }, ...objectsIn(schema).flatMap(fieldsOf))
}

function fieldsOf(schema) {
  const required = new Set(schema.required)
  return Object.entries(schema.properties).map(([name, property]) =>
    field(name, property, required.has(name)),
  )
}

function field(name, schema, isRequired) {
  const remarks = [schema.description, ...rulesOf(schema), schema.deprecated && 'deprecated'].filter(Boolean)
  const line = [
    el('code', {}, name),
    el('span', { className: 'quiet' }, ` ${typeOf(schema)}${isRequired ? ', required' : ''}`),
    remarks.length > 0 ? el('span', {}, ` — ${remarks.join(' · ')}`) : undefined,
  ]
  if (objectsIn(schema).length === 0) return el('li', {}, ...line.filter(Boolean))
  const details = el('details', {}, el('summary', {}, ...line.filter(Boolean)))
  details.addEventListener('toggle', () => details.append(fieldList(schema)), { once: true })
  return el('li', {}, details)
}

function section(title, ...content) {
  return [el('h3', {}, title), ...content]
}

function contentOf(content = {}) {
  const [type, { schema = {} } = {}] = Object.entries(content)[0] ?? []
  if (!type) return []
  const shape = objectsIn(schema).length > 0 ? [fieldList(schema)] : []
  return [el('p', { className: 'quiet' }, type), ...shape]
}

/** A form that sends a GET and shows what comes back. */
function trial(path, parameters) {
  const output = el('pre', { hidden: true, tabIndex: 0 })
  const inputs = parameters.map(({ name, required }) => el('input', { name, required, autocomplete: 'off' }))
  const form = el(
    'form',
    {},
    ...inputs.map((input) => el('label', {}, input.name, input)),
    el('button', { type: 'submit' }, 'Send'),
  )
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    output.hidden = false
    output.textContent = '…'
    output.textContent = await sent(path, parameters, new FormData(form)).catch(
      (error) => `No answer: ${error.message}`,
    )
  })
  return section('Try it', form, output)
}

async function sent(path, parameters, values) {
  const query = new URLSearchParams()
  let filled = path
  for (const { name, in: place } of parameters) {
    const value = String(values.get(name) ?? '')
    if (place === 'path') filled = filled.replace(`{${name}}`, encodeURIComponent(value))
    else if (value !== '') query.set(name, value)
  }
  const token = byId('token').value.trim()
  const address = query.size > 0 ? `${filled}?${query}` : filled
  const response = await fetch(address, { headers: token ? { authorization: `Bearer ${token}` } : {} })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return `${response.status} ${response.statusText}\n\n${isJson ? JSON.stringify(JSON.parse(text), null, 2) : text}`
}

function operation(path, method, { operationId, summary, parameters, security, requestBody, responses }) {
  const success = responses['200'].content
  const goesOn = 'text/event-stream' in success
  const card = el(
    'details',
    { className: 'operation', id: operationId },
    el(
      'summary',
      {},
      el('span', { className: `method ${method}` }, method.toUpperCase()),
      el('span', { className: 'path' }, path),
      el('span', { className: 'quiet' }, summary),
    ),
  )
  card.addEventListener(
    'toggle',
    () =>
      card.append(
        el(
          'div',
          {},
          ...(security.length === 0 ? [el('p', { className: 'quiet' }, 'Needs no token.')] : []),
          ...(parameters.length > 0 ? section('Parameters', parameterList(parameters)) : []),
          ...(requestBody ? section('Body', ...contentOf(requestBody.content)) : []),
          ...section('Answer', ...contentOf(success)),
          ...(method === 'get' && !goesOn ? trial(path, parameters) : []),
        ),
      ),
    { once: true },
  )
  return card
}

function parameterList(parameters) {
  const items = parameters.map(({ name, schema, required }) => field(name, schema, required))
  return el('ul', { className: 'fields' }, ...items)
}

function draw(document) {
  byId('version').textContent = document.info.version
  byId('about').textContent = document.info.description
  byId('server').textContent = document.servers[0].url
  const groups = new Map()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, details] of Object.entries(methods)) {
      const group = details.tags[0]
      groups.set(group, [...(groups.get(group) ?? []), operation(path, method, details)])
    }
  }
  for (const [group, cards] of groups) {
    byId('tags').append(el('a', { href: `#${group}` }, group))
    byId('operations').append(el('h2', { id: group }, group), ...cards)
  }
  const error = document.components.schemas.Error
  byId('operations').append(
    el('h2', { id: 'Errors' }, 'Errors'),
    el('p', {}, 'Every refusal and failure has this shape.'),
    fieldList(error),
  )
  byId('tags').append(el('a', { href: '#Errors' }, 'Errors'))
}

/** An address that ends in `#createEndpoint` opens that call. */
function showLinked() {
  const linked = byId(location.hash.slice(1))
  if (linked instanceof HTMLDetailsElement) linked.open = true
  linked?.scrollIntoView()
}

addEventListener('hashchange', showLinked)
try {
  const response = await fetch('/openapi.json')
  if (!response.ok) throw new Error(`the server answered ${response.status}`)
  draw(await response.json())
  showLinked()
} catch (error) {
  byId('about').textContent = `The description could not be read: ${error.message}`
}

import './design/design.css'
import { createRoot } from 'react-dom/client'
import { App } from './app/app.tsx'
import { beginSession } from './session/session.ts'

beginSession()
createRoot(document.getElementById('console')!).render(<App />)

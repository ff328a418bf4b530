<h1>Help</h1>

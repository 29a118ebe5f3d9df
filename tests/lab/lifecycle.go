package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// renameVM is Rename_Task: the name in the inventory; files keep theirs.
func renameVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	name := c.method.Body.(*types.Rename_Task).NewName
	ref := m.task(c, "rename", func(*task) (types.AnyType, error) {
		folder := simulator.Map.Get(*m.vm.Parent).(*simulator.Folder)
		if err := checkName(folder, name, "newName", m.vm.Self); err != nil {
			return nil, err
		}
		cfg := m.config()
		cfg.Name = name
		m.install(cfg)
		return nil, nil
	})
	return &types.Rename_TaskResponse{Returnval: ref}, nil
}

// destroyVM unregisters the VM and deletes its files.
func destroyVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	ref := m.task(c, "destroy", func(*task) (types.AnyType, error) {
		if err := m.mustBe(poweredOff); err != nil {
			return nil, err
		}
		m.remove()
		return nil, nil
	})
	return &types.Destroy_TaskResponse{Returnval: ref}, nil
}

// remove takes the machine out of the inventory and deletes its files.
func (m *machine) remove() {
	configs := m.allConfigs()
	m.leave()
	for _, cfg := range configs {
		m.lab.removeVMFiles(cfg, m)
	}
}

func unregisterVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err == nil {
		err = m.hold()
	}
	if err != nil {
		return nil, err
	}
	defer m.release()
	if err := m.mustBe(poweredOff); err != nil {
		return nil, err
	}
	m.leave()
	return &types.UnregisterVMResponse{}, nil
}

// templateProperties change when a VM becomes a template or one again.
var templateProperties = []string{"config.template", "summary.config", "summary.config.template", "resourcePool"}

func markAsTemplate(c *call) (interface{}, error) {
	m, err := c.machine()
	if err == nil {
		err = m.hold()
	}
	if err != nil {
		return nil, err
	}
	defer m.release()
	if m.lab.inv.esx || m.config().Template {
		return nil, faultf(&types.NotSupported{}, "The operation is not supported on the object.")
	}
	if err := m.mustBe(poweredOff); err != nil {
		return nil, err
	}
	for _, r := range m.lists() {
		if r.owner.Reference().Type == "ResourcePool" {
			r.edit(without(m.vm.Self))
		}
	}
	m.change(func(vm *mo.VirtualMachine) {
		cfg := *vm.Config
		cfg.Template, vm.Config, vm.ResourcePool = true, &cfg, nil
		m.lab.summarize(vm)
	}, templateProperties...)
	return &types.MarkAsTemplateResponse{}, nil
}

func markAsVirtualMachine(c *call) (interface{}, error) {
	m, err := c.machine()
	if err == nil {
		err = m.hold()
	}
	if err != nil {
		return nil, err
	}
	defer m.release()
	req := c.method.Body.(*types.MarkAsVirtualMachine)
	if !m.config().Template {
		return nil, faultf(&types.NotSupported{}, "The operation is not supported on the object.")
	}
	at, err := newPlace(*m.vm.Parent, &req.Pool, req.Host)
	if err != nil {
		return nil, err
	}
	for _, r := range m.lists() {
		if r.owner.Reference().Type == "HostSystem" {
			r.edit(without(m.vm.Self))
		}
	}
	m.change(func(vm *mo.VirtualMachine) {
		cfg := *vm.Config
		cfg.Template, vm.Config, vm.ResourcePool = false, &cfg, &req.Pool
		vm.Runtime.Host = &at.host.Self
		m.lab.summarize(vm)
	}, append(templateProperties, "runtime.host")...)
	for _, r := range m.lists() {
		r.edit(with(m.vm.Self))
	}
	return &types.MarkAsVirtualMachineResponse{}, nil
}
